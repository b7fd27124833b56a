"""The word lists. A first row names the forms; "a" ("a duck", "an owl") needs no column."""

from collections.abc import Mapping, Sequence

from groundup.corpus.grammar import Word

SHE = {"they": "she", "them": "her", "their": "her", "self": "herself"}
HE = {"they": "he", "them": "him", "their": "his", "self": "himself"}


def listed(texts: str, forms: Mapping[str, str] | None = None) -> list[Word]:
    """Words between commas, all with the same forms."""
    return [Word(" ".join(text.split()), forms or {}) for text in texts.split(",")]


def table(rows: str) -> list[Word]:
    """Words with forms of their own, one row each; the first row names the columns."""
    header, *lines = [[cell.strip() for cell in row.split("|")] for row in rows.split("\n") if row]
    return [Word(cells[0], dict(zip(header[1:], cells[1:], strict=True))) for cells in lines]


WORDS: Mapping[str, Sequence[Word]] = {
    "girls": listed(
        "Lily, Mia, Anna, Rosie, Lucy, Daisy, Emma, Sophie",
        SHE,
    ),
    "boys": listed(
        "Tim, Ben, Max, Sam, Jack, Leo, Tom, Finn",
        HE,
    ),
    "kids": [
        *listed("Amy, Clara, Molly, Sara", SHE),
        *listed("Bob, Dan, Nick, Paul", HE),
    ],
    "elders": [
        Word("mom", {"name": "Mom", **SHE}),
        Word("dad", {"name": "Dad", **HE}),
        Word("grandma", {"name": "Grandma", **SHE}),
        Word("grandpa", {"name": "Grandpa", **HE}),
    ],
    "places": listed("park, forest, woods, meadow, orchard, valley, hills, marsh"),
    "hobbies": listed(
        "sing, dance, paint, draw pictures, read books, climb trees, pick flowers, tell jokes, "
        "jump rope, look at the clouds, play hide and seek, listen to the birds, ride horses, "
        "collect stones, splash in the river, make up stories"
    ),
    "colours": listed("red, blue, green, yellow, purple, orange, pink, white, silver, brown"),
    "toys": listed(
        "ball, kite, doll, drum, robot, puzzle, toy train, teddy bear, boat, paint set, yo-yo, "
        "airplane, flute, whistle, toy truck, spinning top"
    ),
    "snacks": listed(
        "cookies, berries, grapes, cherries, muffins, pancakes, apples, nuts, plums, sandwiches, "
        "pears, crackers"
    ),
    "fears": listed(
        "the dark, the thunder, the deep water, the tall slide, big dogs, spiders, "
        "the old bridge, loud noises"
    ),
    "tricks": listed(
        "sang a little song, counted to ten, took a deep breath, thought of something nice, "
        "held a soft toy, closed both eyes and smiled"
    ),
    "fragile": listed("vase, teapot, lamp, mirror, clock, glass bowl, picture frame, music box"),
    "goals": listed("old oak tree, red gate, little bridge, big rock, water pump, apple stand"),
    "sore": listed("knee, foot, elbow, arm, ankle, hand"),
    "tools": listed("long stick, strong rope, small shovel, ladder, basket, pair of scissors"),
    "treasures": listed(
        "shiny stone, golden feather, pretty shell, sweet pear, lucky coin, tiny bell"
    ),
    "plants": listed(
        "sunflower, apple tree, rose bush, pumpkin, bean plant, orange tree, tall tulip, "
        "strawberry plant"
    ),
    "cakes": listed("carrot cake, apple pie, loaf of bread, chocolate cake, lemon tart, plum cake"),
    "games": listed("tag, catch, chess, cards, pirates, hopscotch"),
    "animals": table("""
animal   | says                | home
duck     | Quack, quack        | on the pond
frog     | Ribbit, ribbit      | under a lily pad
owl      | Hoot, hoot          | in a hollow tree
bee      | Buzz, buzz          | in a busy hive
mouse    | Squeak, squeak      | behind the old barn
kitten   | Meow, meow          | on the next farm
puppy    | Woof, woof          | at the end of the road
lamb     | Baa, baa            | on the green hill
goose    | Honk, honk          | by the river
squirrel | Chirp, chirp        | at the top of a pine
hedgehog | Snuffle, snuffle    | under a pile of leaves
rabbit   | Sniff, sniff        | in a warm hole
"""),
    "sounds": table("""
sound            | cause
tap, tap, tap    | a woodpecker with a nut
scratch, scratch | a hungry cat who wanted to come in
drip, drip, drip | a pipe that needed to be fixed
creak, creak     | an old chair that moved in the wind
thump, thump     | a loose shutter
rattle, rattle   | a raccoon with an empty can
ding, ding       | a bicycle bell
whoosh, whoosh   | an open window
"""),
    "projects": table("""
project    | parts
tower      | wooden blocks
sand castle | buckets of sand
tree house | old boards
raft       | dry logs
tent       | long sheets
snowman    | balls of snow
stone wall | smooth stones
rocket     | paper boxes
"""),
    "gifts": table("""
gift         | parts
card         | paper and crayons
necklace     | string and shells
picture      | paint and a brush
paper flower | paper and glue
scarf        | soft wool
bird house   | wood and nails
crown        | gold paper
bookmark     | ribbon and beads
"""),
    "chores": table("""
chore             | did
sweep the floor   | swept the floor
wash the dishes   | washed the dishes
water the flowers | watered the flowers
feed the chickens | fed the chickens
rake the leaves   | raked the leaves
clean the windows | cleaned the windows
carry the wood    | carried the wood
fold the clothes  | folded the clothes
"""),
    "skills": table("""
skill             | did
ride a bike       | rode a bike
swim              | swam
whistle           | whistled
skate             | skated
juggle            | juggled
do a cartwheel    | did a cartwheel
throw a frisbee   | threw a frisbee
stand on one leg  | stood on one leg
"""),
}
