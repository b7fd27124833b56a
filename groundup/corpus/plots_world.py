"""Wishes and adventures out of doors. Every plot continues a sentence that opens "One day, "."""

WISH = """
{hero} saw {colour.a:colours} {toy:toys} in the window of a [little|big|new] shop.

"[May I have|Can we buy|Could I get] that {toy}, {elder.name}?" {hero.they} asked.

"It costs [a lot of|too much|so much] money," said {hero.their} {elder}. "But if you help me
{chore:chores}, you can [earn|have] it."

{hero} [nodded|smiled|agreed]. {Hero.they} {chore.did} every day for a [week|month]. {Hero.they}
[was tired|got dirty|wanted to stop], but [at last|in the end] they went back to the shop.

[The {colour} {toy} was still in the window! Soon {hero} held it tight.
|But the {toy} was gone! <sad> Then {hero.their} {elder} took a [box|bag|sack] from behind
{elder.their} back. Inside was the {colour} {toy}!] "[I am proud of you|It is yours now|You earned
it]," said {hero.their} {elder}. <glad> {hero} learned that [hard work feels good|the best things
are worth waiting for|wishes can come true with work].
"""

STUCK = """
{hero} went for a walk in the {place}. "{animal.says:animals}! [Help|Please help me|Somebody
help]!" said a [small|sad|tiny] voice. It was {animal.a}! It was stuck [under a heavy rock|between
two logs|in the thick mud|in an old fence|in a thorn bush].

{hero} [pulled and pulled|pushed and pushed|did {hero.their} best], but it did not help. <sad> Then
{hero.they} [ran home|hurried off] and came back with {tool.a:tools} and {hero.their} {elder}.
"One, two, three!" [Pop|Crack|Whoosh]! The {animal} was free.

"Thank you, {hero}," said the {animal}. "[Come and see me|You must visit me|Come to play with me]
{animal.home}." It gave {hero} {treasure.a:treasures} to [keep|take home|remember it by]. <glad>
From then on, {hero} and the {animal} were [good|best|great] friends.
"""

GIFT = """
{hero} remembered that it was {hero.their} {elder}'s birthday. {Hero.they} wanted to give
{elder.them} something [special|nice|pretty], but {hero.they} had no money. <sad> Then {hero.they}
had an idea. "I [can|will|want to] make {gift.a:gifts}!" {hero.they} [said|cried].

{Hero.they} found {gift.parts} and [began|went|got] to work. [The first {gift} was too small|The
cat walked all over it|One side came out wrong], and {hero.they} had to start again.  [By noon|In
the end|Just in time], the {gift} was [ready|done].

"Happy birthday, {elder.name}!" said {hero}.

"[What a lovely|I have always wanted a] {gift}!" said {hero.their} {elder} and gave {hero.them} a
[big|long|warm] hug. <glad> {Hero.they} learned that [the best gifts come from the heart|a gift
does not need money|making a gift is a joy].
"""

SEED = """
{hero} found a [tiny|small|strange] [brown|black|gray] seed in the {place}. "[What is this|What
will it be|Is it a stone], {elder.name}?" {hero.they} asked.

"[Plant it and see|It is a secret|Put it in the ground]," said {hero.their} {elder}. {hero} planted
it [by the fence|near the door|in the yard] and gave it water every [day|morning].

But [nothing happened|nothing came up|no leaf came out] for [weeks|many days|a long time]. <sad>

"[Be patient|Wait a little longer|Maybe it is asleep]," said {hero.their} {elder}. Then one
morning, {hero} saw a [green|little] leaf. [By summer|In the end|Soon] it was {plant.a:plants}!

{Animal.a:animals} came to [look at it|sit in its shade|sleep beside it]. "{animal.says}!" said the
{animal}. <glad> {Hero.they} learned that [good things take time|small things can grow big|it is
good to be patient].
"""

PATH = """
{hero} followed a [blue|yellow|pretty] butterfly into the {place}. {Hero.they} [ran|walked|skipped]
on and on. Soon all the [trees|bushes|paths] looked the same.

"[Where am I|Which way is home|How did I get here]?" {hero.they} asked. <sad>

Then {animal.a:animals} came out of the [grass|leaves|bushes]. "{animal.says}! Why are you
[crying|so sad|all alone]?" it asked.

"I want to go home to my {elder}," said {hero}.

"[I know the way|I can help you|Do not be afraid]," said the {animal}. "Follow me!" They went past
the {goal:goals}.

Soon {hero} saw {hero.their} house. "[I looked everywhere for you|I was so worried|Where have you
been], {hero}!" said {hero.their} {elder}. <glad> {Hero.they} learned [not to go too far alone|to
look where {hero.they} was going|that help can come from a small friend].
"""
