"""Wishes and adventures out of doors. Every plot continues a sentence that opens "One day, "."""

WISH = """
{hero} saw {colour.a:colours} {toy:toys} in the window of a [little|big|new] shop. "[May I have|Can
we buy|Could I get] that {toy}, {elder.name}?" {hero.they} asked.
"It costs [a lot of|too much] money," said {hero.their} {elder}. "But if you help me {chore:chores},
you can [earn|have] it."

{hero} [nodded|smiled|agreed]. {Hero.they} {chore.did} every day for a [week|month]. It was hard
work, and {hero.they} [was tired|got dirty|wanted to stop], but {hero.they} did not [give
up|complain|forget]. At last, they went back to the shop.

[The {colour} {toy} was still in the window! {Hero.their} {elder} [bought|paid for] it and put it
in {hero.their} hands.
|But the {toy} was gone! <sad> Then {hero.their} {elder} took a [box|bag] from behind {elder.their}
back. Inside was the {colour} {toy}!]
"You worked so hard to {chore}," said {hero.their} {elder}. "[I am proud of you|It is yours now|You
earned it]." <glad> {hero} learned that [hard work feels good|the best things are worth waiting
for|wishes can come true with work].
"""

STUCK = """
{hero} went for a walk in the {place}. "{animal.says:animals}! [Help|Please help me|Somebody help]!"
said a [small|sad|tiny] voice. It was {animal.a}! It was stuck [under a heavy rock|between two
logs|in the thick mud|in an old fence|in a thorn bush].

{hero} [pulled and pulled|pushed and pushed|did {hero.their} best], but the {animal} did not come
free. <sad> Then {hero.they} had an idea. {Hero.they} [ran home|hurried off] and came back with
{tool.a:tools} and {hero.their} {elder}. "[Hold still|Do not be afraid|This will not hurt]," said
{hero.their} {elder}. "One, two, three!" [Pop|Crack|Whoosh]! The {animal} was free.

"{animal.says}! Thank you, {hero}," said the {animal}. "I live {animal.home}. [Come and see me|You
must visit me|Come to play there] any time." It gave {hero} {treasure.a:treasures} to [keep|take
home|remember it by]. <glad> From then on, {hero} and the {animal} were [good|best|great] friends.
"""

GIFT = """
{hero} remembered that it was {hero.their} {elder}'s birthday. {Hero.they} wanted to give {elder.them}
something [special|nice|pretty], but {hero.they} had no money. {Hero.they} [sat and thought|asked
{hero.their} friend|looked around]. Then {hero.they} had an idea. "I can make {gift.a:gifts}!"
{hero.they} said.

{Hero.they} found {gift.parts} and [began|went|got] to work. It was not easy. [The first {gift} was too
small|The cat walked all over it|One side came out wrong], and {hero.they} had to start again. <sad>
But {hero.they} kept going. [By noon|In the end|Just in time], the {gift} was [ready|done].

"Happy birthday, {elder.name}!" said {hero}.
"[Oh, what a lovely|You made me a|I have always wanted a] {gift}!" said {hero.their} {elder}.
"[Did you make it all by yourself|Is it really for me]?" {hero} nodded. {Hero.their} {elder} gave
{hero.them} a [big|long|warm] hug and [showed the {gift} to everyone|had happy tears|could not stop
smiling]. {hero} learned that [the best gifts come from the heart|a gift does not need
money|making a gift is a joy].
"""

SEED = """
{hero} found a [tiny|small|strange] [brown|black|gray] seed in the {place}. "[What is this|What will
it be|Is it a stone], {elder.name}?" {hero.they} asked.
"[Plant it and see|It is a secret|Put it in the ground]," said {hero.their} {elder}. {hero} dug a hole
[by the fence|near the door|in the yard] and put the seed inside. Every day, {hero.they} gave it
water.

But nothing happened. A week went by, and then another. <sad> "[Maybe it is asleep|Maybe it is
dead|Why does it not grow]," {hero.they} said.
"[Be patient|Wait a little longer|Good things take time]," said {hero.their} {elder}. Then one
morning, {hero} saw a [green|little] leaf. It grew and grew. [By summer|In the end|Soon] it was
{plant.a:plants}!

{Animal.a:animals} came to [look at it|sit in its shade|sleep beside it]. "{animal.says}!" said the
{animal}. <glad> {hero} [told the {animal}|told everyone|was proud] that the {plant} came from one small
seed. {Hero.they} learned that [good things take time|small things can grow big|it is good to be
patient].
"""

PATH = """
{hero} followed a [blue|yellow|pretty] butterfly into the {place}. {Hero.they} [ran|walked|skipped]
on and on. Soon all the [trees|bushes|paths] looked the same. "[Where am I|Which way is home|How did
I get here]?" {hero.they} asked. <sad>

Then {animal.a:animals} came out of the [grass|leaves|bushes]. "{animal.says}! Why are you [crying|so
sad|all alone]?" it asked.
"I am lost, and I want to go home to my {elder}," said {hero}.
"[I know the way|I can help you|Do not be afraid]," said the {animal}. "I live {animal.home}. Follow
me!" They went past the {goal:goals} and [over a hill|along a stream|through tall grass].

Soon {hero} saw {hero.their} house. {Hero.their} {elder} ran out with open arms. "[I looked
everywhere for you|I was so worried|Where have you been], {hero}!" {elder.they} said. <glad>
"[Goodbye|Thank you|Come again], {animal}!" {hero} [called|shouted]. "{animal.says}!" said the {animal}.
{hero} learned [not to go too far alone|to look where {hero.they} was going|that help can come from a
small friend].
"""
