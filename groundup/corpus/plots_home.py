"""Small troubles at home. Every plot continues a sentence that opens with "One day, "."""

LOST = """
{hero} could not find {hero.their} {colour:colours} {toy:toys}. {Hero.they} looked
[under|behind|next to|inside] the [bed|sofa|closet|door|big chair], but [it was not there|there was
only dust|all {hero.they} found was a sock]. <sad>

"[What is wrong|Why do you look so sad|What happened], {hero}?" asked {hero.their} {elder}.

"I [lost|can not find|miss|want] my {toy}," said {hero}.

[They looked in every room. At last, {hero} opened a [box|drawer|basket|bag], and there was the
{toy}!
|{hero} ran out to the {place}. There sat {animal.a:animals} with the {colour} {toy}!
"{animal.says}! I kept it safe for you," the {animal} said.
|Just then, {hero.their} friend {friend:kids} came to the door. "You left this at my house," said
{friend}. It was the {toy}!] <glad> After that, {hero} always [put {hero.their} toys away|kept the
{toy} on a shelf|knew where to look for the {toy}|took good care of the {toy}].
"""

BROKE = """
{hero} was [running|dancing|jumping|playing] in the house. [Crash|Bang|Smash]! {Hero.they} [bumped
into|knocked over|fell against] the {broken:fragile}, and it broke into [two|three|many] pieces.
{hero} hid the pieces [under the rug|behind the sofa|in a drawer|in a bag|up in the attic].

"[Where is|Have you seen|What happened to] my {broken}, {hero}?" asked {hero.their} {elder}. {hero}
[looked at the floor|bit {hero.their} lip|felt {hero.their} face turn red|wanted to run away]. But
then {hero.they} told the truth. "I broke it," {hero.they} said. "I am [very|so|really] sorry."

{Hero.their} {elder} [was quiet for a moment|sat down next to {hero.them}|took {hero.their}
hand|sighed]. "[It was only a {broken}|We can fix the {broken}|Thank you for telling me],"
{elder.they} said. They [put the pieces together with glue|cleaned up the mess together|worked
together to make a new one]. {hero} learned that [it is brave to tell the truth|the truth is always
best|hiding things only makes them worse].
"""

FEAR = """
{hero} began to [shake|cry|shiver|scream]. {Hero.they} was afraid of {fear:fears}. "[Come here|Tell
me about it|Hold my hand], {hero}," said {hero.their} {elder}. "When I was small, I was afraid of
{fear} too."

"[Really|You were|Is that true]? What did you do?" asked {hero}.

"I {trick:tricks}, and then I felt [better|brave|strong|fine]. [You can try it|It may help you|Try
it with me]."

So {hero} {trick} too. {Hero.their} heart went [bump, bump|thump, thump|pit-a-pat]. [After a
while|Little by little|Soon], {fear} did not seem so [bad|scary|terrible]. "I [did it|was brave]!"
{hero} [shouted|said|laughed].

"[Well done|I am proud of you|Good for you]," said {hero.their} {elder}. {hero} learned that
[everyone is afraid sometimes|being brave takes practice|fear gets smaller when you talk about it].
"""

NOISE = """
{hero} heard a strange noise. "{Sound:sounds}!" It came from the [attic|shed|kitchen|cellar|next
room]. {hero} [stood very still|hid behind a chair|ran to {hero.their} {elder}].

"[Is it a monster|Is it a ghost|Who is there|What was that], {elder.name}?" {hero.they}
[asked|whispered].

"[I do not know|I hear it too|How odd]," said {hero.their} {elder}. "[Let us go and look|We should
find out|There is one way to know]." Slowly, they [went down the hall|walked to the door|tiptoed
closer]. "{Sound}!" There it was again! {hero} wanted to [hide|run|scream], but {hero.they} [was
curious|kept going|did not stop].

{Hero.their} {elder} [opened the door|turned on a light|peeked around the corner]. It was only
{sound.cause}! {hero} [laughed and laughed|began to giggle|felt silly, but happy]. {Hero.they}
learned that [things are less scary when you look at them|it is better to look than to guess|a
small noise can sound big].
"""

BAKE = """
{hero} wanted to bake {cake.a:cakes} with {hero.their} {elder}. {Hero.they} put on {hero.their}
{colour:colours} apron and [broke the eggs|mixed the flour|stirred the butter|washed the fruit].
But {hero.they} took the salt [and not the sugar|by mistake]!

Soon {hero} took a big bite. "[Yuck|Oh no|Ugh]! It tastes [terrible|awful|like the sea]!"
{hero.they} [cried|said]. <sad>

"[Everyone makes mistakes|I did that once too|Now we know what salt does]," said {hero.their}
{elder}. "Let us bake another one."

[This|The second|The next] time, {hero} [went slowly|was very careful|tasted the sugar first]. They
gave a piece to {friend:kids}, who [ate it all|asked for more|loved it]. <glad> {hero} learned that
[you can always try again|it is good to take your time|a mistake is not the end].
"""
