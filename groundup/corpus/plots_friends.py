"""Troubles between friends. Every plot continues a sentence that opens with "One day, "."""

SHARE = """
{hero} had a [big|full|small] [bag|basket|bowl|box] of {snack:snacks}. {Hero.their} friend
{friend:kids} [came to play|walked by|sat down next to {hero.them}].

"[May I have|Can I try|Will you give me|I would like] some {snack}, {hero}," said {friend}.

"No, they are [all mine|only for me|not for you]!" said {hero}.

{friend} [walked away|looked down|went home]. {hero} ate the {snack} alone, but [they did not taste
very good|it was not any fun|{hero.they} felt bad inside]. "[Food tastes better with a friend|A
friend is worth more than a snack|I think {friend} is sad]," said {hero.their} {elder}.

{hero} [thought about it|felt sorry|ran after {friend}|knew what to do]. "[I am sorry|I was wrong|I
was not kind], {friend}. Please have some {snack}," {hero.they} said. They [sat under a tree|found
a sunny spot|went back to the house] and ate all the {snack} together. {hero} learned that [sharing
is fun|it is kind to share|good things are better with a friend].
"""

BUILD = """
{hero} asked {hero.their} friend {friend:kids} to help {hero.them} build {project.a:projects}. They
[found|gathered|brought] {project.parts} and [worked all morning|worked very hard|began to work].
But then [a strong wind blew|a dog ran past|{friend} slipped], and the {project} [fell down|broke
apart|fell to pieces]!

"[Oh no|This is too hard|It will never work]!" said {hero}. <sad>

"[Do not give up|Let us try again|We can do it]," said {friend}. "This time, we will [go
slowly|make it stronger|be more careful]."

So they started over. {hero} carried the {project.parts}, and {friend} put them [together|in
place]. [When the sun went down|Before dinner|At last], the {project} was done. "What a
[fine|wonderful|beautiful|grand] {project}!" said {hero.their} {elder}. <glad> The two friends
learned that [it pays to try again|together they could do big things|good work takes time].
"""

RAIN = """
{hero} packed a basket for a picnic in the {place}. {Hero.they} put in {snack:snacks} and
[milk|juice|lemonade|cold water]. {Hero.their} friend {friend:kids} came too. But then [dark clouds
came|the sky turned gray|there was a loud boom], and it began to rain.

"[Our day is ruined|Now we can not go|This is not fair]!" said {friend}. <sad>

"You can have a picnic [in the kitchen|on the rug|under the table]," said {hero.their} {elder}. So
they put a [blanket|sheet|towel] on the floor and ate the {snack}. {hero} pretended to be
{pet.a:animals}. "{pet.says}!" {hero.they} [said|cried], and they both laughed.

[After a while|Later|In the end], the rain stopped. They ran out and [jumped in the puddles|saw a
bright rainbow|splashed in the mud]. <glad> They learned that [a rainy day can be fun|plans can
change and still be good|you can be happy in any weather].
"""

RACE = """
{hero} met {hero.their} friend {friend:kids} in the {place}. They had a race to the {goal:goals}.

"I [will win|am the fastest|can beat you]!" said {hero}. They ran as fast as [the wind|they
could|two horses]. Soon {hero} was in front.

Then {hero} heard a [thump|cry|crash]. {friend} had tripped over a [root|stone|branch]. "Ouch! My
{sore:sore} hurts!" {friend} [cried|said|called].

{hero} could see the {goal}. {Hero.they} was so close! But {hero.they} [stopped|turned around|slowed
down] and ran back to {friend}.

"Hold on to me," said {hero}. "We will go [together|slowly|side by side]." {hero} [washed|looked
at|tied a cloth around] the {sore}, and they [walked|went|limped] to the {goal} hand in hand.

"Who won?" asked {hero.their} {elder}.

"We both did!" said {friend}. <glad> {hero} learned that [a friend matters more than a race|winning
is not everything|helping feels better than winning].
"""

SKILL = """
{hero} wanted to learn how to {skill:skills}. {Hero.their} friend {friend:kids} could already do it
[very well|with no trouble|every time]. {hero} tried [once|twice|all morning], but {hero.they}
[felt silly|could not do it|got it all wrong]. <sad>

"[It was hard for me too|I could not do it at first|Nobody can do it the first time]," said
{friend}. "[Watch me|I will show you|Let me help you]. You have to [go slowly|practice|relax]."

So {hero} practiced every [morning|day|afternoon].

[Then, one day|At last|After a week], {hero} {skill.did} all by {hero.self}! "Look, {elder.name}! I
can {skill}!" {hero.they} [called|shouted|said]. {Hero.their} {elder} [clapped|cheered|ran to see].
<glad> {Hero.they} learned that [you must keep trying|practice makes things easy|it is all right to
need help].
"""
