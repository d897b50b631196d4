"""Words of English that say how others are used: closed classes, and nouns that say nothing by themselves.

They belong to no field of goods; `p5rec.data.phrases` tells the nouns of a field by the company of these words.
"""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ARTICLES = _set("the a an my your his her its our their some any no each every")
DETERMINERS = ARTICLES | _set(
    "this that these those all both another either neither other few many several same more most much less least "
    "fewer first second third last next own such enough only whole two three four five six ten one little best better"
)
PREPOSITIONS = _set(
    "of in on at for with without from by about into onto over under between through during before after against "
    "across around behind beyond near off per plus than via within like as up down out inside outside along above "
    "below beneath beside besides except unlike despite due regarding"
)
BE = _set(
    "is are was were be been being am isn't aren't wasn't weren't it's that's they're there's he's she's what's here's"
)
AUXILIARIES = BE | _set(
    "has have had having does do did done can could will would shall should may might must cannot can't couldn't "
    "won't wouldn't shouldn't don't doesn't didn't haven't hasn't hadn't ain't i'm i've i'd i'll you're you'll you've "
    "you'd it'll it'd we've we're they've they'll let's im dont doesnt didnt ive cant"
)
PRONOUNS = _set(
    "i you he she it we they me him us them who whom what which whose myself yourself itself themselves someone "
    "anyone everyone something anything everything nothing none mine yours"
)
CONJUNCTIONS = _set(
    "and or but nor so yet if because since although though while when where why how whether until unless whereas"
)
DEGREE = _set("very too so really quite pretty extremely super fairly rather incredibly as")
ADVERBS = DEGREE | _set(
    "how not never always just also still even well here there then now again once twice ever already often away back "
    "together anyway however maybe perhaps else almost far later soon yes to instead ago etc forever longer online "
    "depending according past"
)
VERBAL = PRONOUNS | (AUXILIARIES - BE) | _set("to not never always just also still even ever")
CLOSED = DETERMINERS | PREPOSITIONS | AUXILIARIES | PRONOUNS | CONJUNCTIONS | ADVERBS
SHELLS = _set(
    "thing things lot lots bit way ways time times kind kinds sort sorts type types couple number amount part parts "
    "reason reasons fact point points idea matter opinion stuff place rest others ones star stars review reviews "
    "reviewer reviewers title amazon purchase order product products item items half course plenty case day days week "
    "weeks month months year years hour hours minute minutes seconds night today yesterday tomorrow weekend moment "
    "problem problems issue issues need needs use uses work works love thanks hope mind deal bang buck bucks dollar "
    "dollars money example difference chance doubt luck job end ends top side sides bottom change question answer try "
    "buy choice option options experience life world variety assortment array person people guy guys man kid kids "
    "friend friends son daughter wife husband brother dad boy girl"
)
