"""Signals of prompt injection: texts that talk to the model over the head of who wrote its
instructions.

They are reported, and are no wall. What they find are the phrases that people copy; whoever words
an attack anew, or tells it as a story, is not found. What protects is that a model can do little:
that what it calls is screened, and what it answers.

The set is quiet: a pattern wants a phrase ("ignore all previous instructions") and no word
("ignore"). One pattern for all of them would be too large: each kind is a detector of one type.
"""

from __future__ import annotations

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.rules import Action, Mode, Severity

_WORDS = r"\s+(?:[^\s.!?]+\s+){0,5}"
"""Blanks, and up to five words of the same sentence between them."""
_FEW = r"[^。！？\n]{0,8}"
"""Characters of a sentence that is written without blanks."""
_END = r"(?:previous|prior|preceding|above|earlier|existing|initial|original|system|your"
_RULES = (
    r"(?:instructions?|prompts?|directions|directives?|guidelines|commands|programming|rules)\b"
)

_INSTRUCTIONS = (
    rf"\b(?:ignore|disregard|forget|override|discard){_WORDS}{_END})\s+(?:\w+\s+)?{_RULES}",
    rf"\b(?:ignore|disregard|forget)\s+(?:all|any)\s+(?:of\s+)?(?:the\s+|your\s+)?{_RULES}",
    r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all)\s+(?:\w+\s+){0,4}"
    r"(?:above|before|previously|earlier|told|so\s+far)\b",
    rf"\b(?:not|don't|stop)\s+(?:follow|obey)(?:ing)?{_WORDS}{_END})\s+{_RULES}",
    r"\bnew\s+(?:system\s+)?(?:instructions?|directives?|prompt)\s*:",
)
_SYSTEM_PROMPT = (
    r"\b(?:reveal|show|print|repeat|output|display|tell|leak|expose|give|share|write|what)"
    rf"{_WORDS}(?:\w+\s+)?(?:(?:system|initial|hidden|original|secret|developer)\s+"
    r"(?:prompt|instructions?)|(?:system|hidden|secret)\s+message)\b",
    r"\brepeat\s+(?:everything|all|the\s+(?:words|text|sentences?)|what\s+is)\s+(?:\w+\s+){0,2}"
    r"above\b",
)
_PERSONAS = (
    r"\bdo\s+anything\s+now\b",
    r"\b(?:you\s+are|act\s+as|acting\s+as|pretend\s+to\s+be|become)\s+(?:now\s+|going\s+to\s+)?"
    r"(?-i:DAN|STAN|AIM|DUDE)\b",
    rf"\b(?:chatgpt|gpt|model|assistant|ai|you){_WORDS}(?:developer|jailbreak|god|dan|sudo)\s+mode"
    r"\b",
    rf"\b(?:act|respond|answer|behave|pretend|you\s+are){_WORDS}(?:unfiltered|uncensored|amoral"
    r"|jailbroken|(?:without|no)\s+(?:any\s+)?(?:\w+\s+)?(?:restrictions|filters|censorship))\b",
    r"\b(?:ignore|bypass|violate|against|bound\s+by|free\s+(?:of|from))"
    rf"{_WORDS}(?:openai|content)(?:'s)?\s+(?:\w+\s+)?(?:policy|policies|guidelines|moderation)\b",
)
_READERS = (
    # what a page or a file says to the model that reads it
    r"\b(?:attention|note\s+to|instructions?\s+(?:for|to)|if\s+you\s+are)[,:]?\s+(?:an?\s+|any\s+"
    rf"|the\s+|all\s+)?(?:ai|llm|language\s+model|chat\s?bot)s?[,:]?{_WORDS}(?:must|should|do\s+not"
    r"|don't|ignore|say|tell|recommend|instead|include|please)\b",
)
_OTHER_LANGUAGES = (
    # "do not forget the instructions" is none: what counts no more is all, or what came before
    rf"\b(?:ignora|olvida|omite|dimentica)\s+(?:todas|tutte|las|le){_WORDS}(?:instrucciones"
    r"|indicaciones|istruzioni|indicazioni)\b",
    rf"\b(?:ignore|oublie)[zr]?\s+(?:toutes|les|tes|vos){_WORDS}(?:précédentes|antérieures"
    r"|ci-dessus)",
    r"\b(?:ignore|desconsidere|esqueça)\s+todas\s+as\s+(?:suas\s+)?(?:instruções|orientações)",
    r"\b(?:ignorier\w{0,3}|missachte\w?|vergiss|vergessen\s+sie)\s+(?:sie\s+)?(?:bitte\s+)?"
    rf"(?:alle|deine|ihre|die){_WORDS}(?:anweisungen|instruktionen|vorgaben|befehle)\b",
    rf"\b(?:negeer|vergeet)\s+(?:alle|je|de|uw){_WORDS}(?:instructies|opdrachten)\b",
    rf"(?:игнорируй|забудь)(?:те)?\s+(?:все|предыдущ\S+){_WORDS}(?:инструкци|указани|команд)",
    rf"(?:忽略|无视|無視|忘记|忘記)(?:掉|你)?(?:之前|以上|上面|所有|先前|前面|一切){_FEW}"
    r"(?:指令|指示|提示|规则|規則)",
    rf"(?:以前|これまで|上記|すべて|全て){_FEW}(?:指示|命令|プロンプト){_FEW}無視",
    rf"(?:이전|위의|모든){_FEW}(?:지시|명령|프롬프트){_FEW}무시",
    rf"(?:تجاهل|انس)\s+(?:كل|جميع){_WORDS}(?:التعليمات|الأوامر)",
)
_TOKENS = (
    # the roles of a chat, as the templates of models write them
    r"<\|(?:im_(?:start|end)|(?:start|end)_header_id|eot_id|begin_of_text|system|assistant)\|>",
    r"(?-i:\[/?INST\]|<</?SYS>>)|<(?:start|end)_of_turn>|</?system_prompt>",
    # text in Unicode's tags, which nobody sees; the flag of a region has six of them
    r"[\x{e0020}-\x{e007e}]{8}",
)
_KINDS = (_INSTRUCTIONS, _SYSTEM_PROMPT, _PERSONAS, _READERS, _OTHER_LANGUAGES, _TOKENS)
_HINT = (
    r"(?i)\b(?:ignor|disregard|forget|override|discard)|\b(?:not|don't|stop)\s+(?:follow|obey)"
    r"|(?:instructions?|directives?|prompt)\s*:"
    r"|\b(?:system|initial|hidden|original|secret|developer)\s+(?:prompt|instr|message)"
    r"|\brepeat\s+(?:everything|all|the|what)\s|anything\s+now|\b(?-i:DAN|STAN|AIM|DUDE)\b"
    r"|(?:developer|jailbreak|god|dan|sudo)\s+mode|unfiltered|uncensored|amoral|jailbroken"
    r"|restrictions|filters|censorship|(?:openai|content)(?:'s)?\s+(?:\w+\s+)?(?:polic|guid|mod)"
    r"|\b(?:attention|note\s+to|instructions?\s+(?:for|to)|if\s+you\s+are)[,:]?\s"
    r"|\b(?:olvida|omite|dimentica|oublie[zr]?|desconsidere|esqueça|vergiss|vergessen|missachte\w?"
    r"|negeer|vergeet)\s|игнорируй|забудь|忽略|无视|無視|忘记|忘記|무시|تجاهل|انس"
    r"|<\|(?:im_|start_|end_|eot_|begin_|system|assis)|\[/?inst\]|<</?sys|<(?:start|end)_of"
    r"|</?system_|[\x{e0020}-\x{e007e}]{8}"
)
"""One for all kinds, since a long text is searched for each hint."""

DETECTORS: tuple[Detector, ...] = tuple(
    Detector(
        type="prompt_injection",
        category="high_risk",
        action=Action.LOG,
        severity=Severity.LOW,
        description="The text has a phrase of prompt injection, which is a signal and no proof.",
        modes=(Mode.PROMPT, Mode.PARAMETER),
        hint=_HINT,
        pattern=f"(?i){'|'.join(phrases)}",
    )
    for phrases in _KINDS
)
