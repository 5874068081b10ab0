"""A set's rules, compiled once and asked of a whole message at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from singlewindow.errors import ConfigurationError
from singlewindow.messages.rule import Rule
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.parser import Element
from singlewindow.xsd.rules.checking import check_rules
from singlewindow.xsd.rules.code_lists import CodeList, load_lists
from singlewindow.xsd.rules.compiling import Compiler, raise_severity
from singlewindow.xsd.rules.ledger_rules import read_ledger_rules
from singlewindow.xsd.rules.questions import Questions, ScreenedQuestions, Screening
from singlewindow.xsd.rules.schematron import read_rule_file


class RuleBook:
    """The rules of a set by id, and the questions they put to a document, by its root."""

    def __init__(
        self, rules: Mapping[str, Rule], lists: Mapping[str, CodeList], asked: Mapping[str, Questions]
    ) -> None:
        self.rules = tuple(rules.values())
        self.lists = dict(lists)
        self._asked = dict(asked)
        self._screened: dict[tuple[str, ...], ScreenedQuestions | None] = {}

    def find(self, name: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == name), None)

    def check(self, root: Element) -> list[Finding]:
        """What a document breaks, whatever else is wrong with it; each finding at the element it is said of."""
        questions = self._asked.get(root.tag)
        return [] if questions is None else list(questions.ask(root))

    def screening(self, root: str, unit: Sequence[str]) -> Screening:
        """A screening for one message: by the Clark names of its root and of the steps to its declarations.

        It finds what `check` finds, for a fraction of the time where little is broken.
        """
        key = (root, *unit)
        if key not in self._screened:
            questions = self._asked.get(root)
            self._screened[key] = questions.screened(root, unit) if questions is not None else None
        return Screening(self._screened[key])


def load_rules(folders: Sequence[Path], raised: Collection[str] = ()) -> RuleBook:
    """The rules of these folders (`rules/*.sch`, `rules/ledger.toml`) over their lists (`lists/*.toml`).

    `raised` names the rules whose warnings are errors. Raises ConfigurationError naming file, rule and mistake.
    """
    lists = load_lists(folders)
    files = [read_rule_file(path) for folder in folders for path in sorted((folder / "rules").glob("*.sch"))]
    check_rules(files, lists)
    rules, compiled = Compiler(lists, raised).compile(files)
    for folder in folders:
        for rule in read_ledger_rules(path := folder / "rules" / "ledger.toml"):
            if rule.id in rules:
                raise ConfigurationError(f"{path}: there is a rule {rule.id} already")
            rules[rule.id] = raise_severity(rule, raised)
    return RuleBook(rules, lists, compiled)
