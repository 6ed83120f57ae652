"""The script of an agent that has no model and no script of its own: polite, honest, and able to remember a name."""

from carrier.types.models import Script, ScriptRule, ScriptStep


def _says(*variants: str) -> tuple[tuple[ScriptStep, ...], ...]:
    return tuple((ScriptStep(say=variant),) for variant in variants)


NAME = r"(?P<name>\w[\w'-]*)"

DEFAULT_SCRIPT = Script(
    "default",
    (
        ScriptRule(
            purpose="facts",
            when=(rf"^(?P<who>[^:\n]+): .*\bmy name is {NAME}",),
            steps=_says("{{ who }}: is called {{ name }}"),
        ),
        ScriptRule(purpose="facts", steps=_says("")),
        ScriptRule(
            when=(r"\bwhat(?:'s| is) my name\b", r"\bwho am i\b", r"\b(?:know|remember) my name\b"),
            given=rf'^[^:\n"]+: .*\bmy name is {NAME}|^- [^:\n"]+: is called (?P<called>\w[\w\'-]*)',
            steps=_says("You told me: it is {{ name or called }}."),
        ),
        ScriptRule(
            when=(r"\bwhat(?:'s| is) my name\b", r"\bwho am i\b", r"\b(?:know|remember) my name\b"),
            steps=_says("You have not told me your name yet."),
        ),
        ScriptRule(
            when=(rf"\bmy name is {NAME}", rf"\bi am called {NAME}"),
            steps=_says("Nice to meet you, {{ name }}. I will remember that."),
        ),
        ScriptRule(
            when=(r"\bwho are you\b", r"\bwhat(?:'s| is) your name\b", r"\babout you(?:rself)?\b", r"\bintroduce\b"),
            given=r"\A\s*You are (?P<name>[^.\n]+)\.\s*(?P<about>[^\n]*)",
            steps=_says(
                "I am {{ name }}. {{ about }} No model is configured for me, so I answer from a small script.",
            ),
        ),
        ScriptRule(
            when=(r"\bare you (?:an? )?(?:ai|bot|robot|real|human|llm|model)\b", r"\bwhich model\b"),
            steps=_says("No model is configured for me, so these are the words of a small script."),
        ),
        ScriptRule(
            when=(r"^\W*(?:hi|hello|hey|hei|good (?:morning|day|afternoon|evening))\b",),
            steps=_says(
                "Hello{% if user %}, {{ user }}{% endif %}! Ask me who I am, or tell me your name.",
                "Hello again{% if user %}, {{ user }}{% endif %}!",
            ),
        ),
        ScriptRule(when=(r"\bthank(?:s| you)\b",), steps=_says("You are welcome.")),
        ScriptRule(when=(r"^\W*(?:bye|goodbye|good night|see you)\b",), steps=_says("Goodbye, and come back soon.")),
        ScriptRule(
            steps=_says(
                "I heard you, but no model is configured for me, so I only have a small script to answer from. "
                "You can ask me who I am, or tell me your name.",
                "That is beyond my script. Set a model in carrier.yaml, and I can think about it.",
            ),
        ),
    ),
)
