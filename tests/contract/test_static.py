"""The front end's promises: old browsers, no inline code, no outside address, readable colours.

Oldest browsers are Chrome and Edge 109, Firefox ESR 115 and Safari 15, and the content security
policy is ``script-src 'self'; style-src 'self'`` without exceptions, so what these would refuse
must not be written in the first place.
"""

from __future__ import annotations

import gzip
import importlib.util
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "tracker" / "static"
VENDORED = (STATIC / "vendor", STATIC / "fonts")

#: What CSS of today offers and one of the oldest browsers lacks.
NEW_CSS = {
    "color-mix()": r"color-mix\(",
    "oklch(), oklab(), lch(), lab()": r"\b(?:ok)?l(?:ch|ab)\(",
    "light-dark()": r"light-dark\(",
    "relative colours": r"\b(?:rgb|hsl)a?\(\s*from\b",
    ":has()": r":has\(",
    "nesting": r"(?m)^\s*&",
    "text-wrap": r"\btext-wrap\s*:",
    "container queries": r"@container|\bcontainer-type\s*:",
    "cascade layers": r"@layer\b",
    "@property, @scope, @starting-style": r"@(?:property|scope|starting-style)\b",
    "media ranges": r"@media[^{]*[<>]",
    "subgrid": r"\bsubgrid\b",
    "small and large viewport units": r"\d(?:s|l|d)v(?:h|w|min|max)\b",
    "field-sizing, interpolate-size": r"\b(?:field-sizing|interpolate-size)\s*:",
    "anchor positioning": r"\banchor-name\s*:|\bposition-anchor\s*:",
    "stepped functions": r"(?<![\w-])(?:round|mod|rem|abs|sign|linear)\(",
    "unprefixed masks": r"(?<![\w-])mask(?:-image)?\s*:",
}

#: What JavaScript of today offers and one of the oldest browsers lacks, or the policy forbids.
NEW_JS = {
    "copying array methods": r"\.(?:toSorted|toReversed|toSpliced)\(|\.with\(",
    "at() and findLast()": r"\.(?:at|findLast|findLastIndex)\(",
    "grouping": r"\b(?:Object|Map)\.groupBy\b",
    "Object.hasOwn": r"\bObject\.hasOwn\b",
    "Array.fromAsync": r"\bArray\.fromAsync\b",
    "Promise.withResolvers and try": r"\bPromise\.(?:withResolvers|try)\b",
    "structuredClone": r"\bstructuredClone\(",
    "set methods": r"\.(?:isSubsetOf|isSupersetOf|isDisjointFrom|symmetricDifference)\(",
    "look-behind": r"\(\?<[=!]",
    "the v flag": r"/[dgimsuy]*v[dgimsuy]*\.(?:test|exec)\(",
    "static blocks": r"\bstatic\s*\{",
    "requestSubmit": r"\.requestSubmit\b",
    "showPicker and showModal": r"\.(?:showPicker|showModal|showPopover)\(",
    "randomUUID": r"\brandomUUID\b",
    "URL.parse": r"\bURL\.(?:parse|canParse)\b",
    "AbortSignal helpers": r"\bAbortSignal\.(?:timeout|any)\b",
    "decorators and using": r"(?m)^\s*(?:await\s+)?using\s+\w+\s*=",
    "eval": r"\beval\(|\bnew\s+Function\b|set(?:Timeout|Interval)\(\s*['\"]",
    "markup from strings": r"\.(?:inner|outer)HTML\s*=|insertAdjacentHTML|document\.write\(",
}

#: Pairs of tokens that stand on each other, with the contrast they need (WCAG 2.2: 4.5 for text,
#: 3 for lines and marks; the product asks 7 for body text).
PAIRS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("text", ("canvas", "surface", "surface-2", "surface-3", "brand-soft"), 7),
    ("text-2", ("canvas", "surface", "surface-2"), 7),
    ("text-2", ("surface-3", "brand-soft"), 4.5),
    ("text-3", ("canvas", "surface", "surface-2", "surface-3"), 4.5),
    ("brand-text", ("canvas", "surface", "surface-2", "surface-3", "brand-soft"), 4.5),
    ("on-brand", ("brand", "brand-strong"), 4.5),
    ("on-inverse", ("inverse",), 7),
    ("surface", ("text",), 7),
    ("control-line", ("surface",), 3),
    ("focus", ("canvas", "surface", "brand-soft"), 3),
    ("brand", ("surface", "canvas"), 3),
    *(
        (f"{tone}-text", (f"{tone}-soft",), 7.0)
        for tone in ("late", "wait", "done", "move", "calm")
    ),
    *(
        (f"{tone}-text", ("canvas", "surface", "surface-2", "surface-3", "brand-soft"), 4.5)
        for tone in ("late", "wait", "done", "move", "calm")
    ),
    *((f"{tone}-line", ("surface",), 3.0) for tone in ("late", "wait", "done", "move", "calm")),
    ("heat-text", ("heat-1", "heat-2", "heat-3"), 7),
    ("heat-text", ("heat-4",), 4.5),
    ("heat-text-5", ("heat-5",), 4.5),
    ("text-2", ("heat-0",), 4.5),
)


def own(suffix: str) -> list[Path]:
    """Return our own static files with this suffix, plug-ins' too, without vendored ones."""
    folders = [STATIC, *sorted((ROOT / "plugins").glob("*/*/static"))]
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob(f"*{suffix}"))
        if not any(path.is_relative_to(vendored) for vendored in VENDORED)
    ]


def templates() -> list[Path]:
    """Return every template of the core and of the bundled plug-ins."""
    folders = [ROOT / "templates", *sorted((ROOT / "plugins").glob("*/*/templates"))]
    return [path for folder in folders for path in sorted(folder.rglob("*.html"))]


def names(paths: list[Path]) -> list[str]:
    """Return readable test ids."""
    return [str(path.relative_to(ROOT)) for path in paths]


def found(text: str, rules: dict[str, str]) -> list[str]:
    """Return the rules that a text breaks, each with the line it is on."""
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {name}"
        for name, pattern in rules.items()
        for match in re.finditer(pattern, text)
    ]


def without_comments(text: str) -> str:
    """Blank out /* comments */ but keep the lines."""
    return re.sub(
        r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group(0)), text, flags=re.DOTALL
    )


def test_own_files_are_found() -> None:
    assert {"app.css", "tokens.css", "print.css"} <= {path.name for path in own(".css")}
    assert {"app.js", "combobox.js", "date-picker.js", "photo.js"} <= {
        path.name for path in own(".js")
    }
    assert "base.html" in {path.name for path in templates()}


@pytest.mark.parametrize("path", own(".css"), ids=names(own(".css")))
def test_css_old_browsers_understand(path: Path) -> None:
    assert found(without_comments(path.read_text(encoding="utf-8")), NEW_CSS) == []


@pytest.mark.parametrize("path", own(".js"), ids=names(own(".js")))
def test_js_old_browsers_understand(path: Path) -> None:
    assert found(without_comments(path.read_text(encoding="utf-8")), NEW_JS) == []


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (NEW_CSS, "a { color: color-mix(in srgb, red, blue) }"),
        (NEW_CSS, "li:has(a) { margin: 0 }"),
        (NEW_CSS, "@media (width >= 40rem) { a { margin: 0 } }"),
        (NEW_CSS, "a {\n  & b { margin: 0 }\n}"),
        (NEW_CSS, "a { height: 100dvh }"),
        (NEW_JS, "rows.toSorted()"),
        (NEW_JS, "rows.at(-1)"),
        (NEW_JS, "node.innerHTML = text"),
        (NEW_JS, "new Function('return 1')"),
        (NEW_JS, "/(?<=a)b/.test(text)"),
    ],
)
def test_refusals_refuse(rules: dict[str, str], text: str) -> None:
    assert found(text, rules)


@pytest.mark.parametrize("path", own(".css"), ids=names(own(".css")))
def test_css_reads_only_shipped_files(path: Path) -> None:
    """No outside address and no data: address (the policy's img-src is 'self')."""
    text = without_comments(path.read_text(encoding="utf-8"))
    assert "@import" not in text
    for target in re.findall(r"url\(\s*['\"]?([^'\")]+)", text):
        assert not re.match(r"(?:[a-z]+:|//|/)", target), target
        assert (path.parent / target.split("?")[0].split("#")[0]).resolve().is_file(), target


@pytest.mark.parametrize("path", own(".js"), ids=names(own(".js")))
def test_js_names_no_outside_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}", without_comments(text)) == []


class Markup(HTMLParser):
    """Collects what the content security policy or a screen reader would stumble over."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge one start tag."""
        values = dict(attrs)
        line = self.getpos()[0]
        for name, value in attrs:
            if name == "style" or re.match(r"on[a-z]+$", name) or name.startswith("hx-on"):
                self.wrong.append(f"line {line}: {name}= on <{tag}>")
            if value and re.match(r"\s*(?:javascript|js):", value, re.IGNORECASE):
                self.wrong.append(f"line {line}: script in {name}= of <{tag}>")
            if (
                tag != "a"
                and name in {"src", "href", "action"}
                and re.match(r"(?:https?:)?//", value or "")
            ):
                self.wrong.append(f"line {line}: outside address in <{tag}>")
            if name == "hx-trigger" and value and "[" in re.sub(r"\{\{.*?\}\}", "", value):
                self.wrong.append(f"line {line}: a trigger filter needs eval")
        if tag == "style":
            self.wrong.append(f"line {line}: <style>")
        if tag == "script" and "src" not in values:
            self.wrong.append(f"line {line}: <script> without src")
        if tag == "img" and "alt" not in values:
            self.wrong.append(f"line {line}: <img> without alt")


def html_of(source: str) -> str:
    """Return a template's markup with the template language taken out, lines kept."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match.group(0).count("\n")

    source = re.sub(r"\{#.*?#\}", blank, source, flags=re.DOTALL)
    source = re.sub(r"\{%.*?%\}", blank, source, flags=re.DOTALL)
    return re.sub(r"\{\{.*?\}\}", lambda match: "x" + blank(match), source, flags=re.DOTALL)


def judged(source: str) -> list[str]:
    """Return what is wrong with a template's markup."""
    markup = Markup()
    markup.feed(html_of(source))
    markup.close()
    return markup.wrong


@pytest.mark.parametrize("path", templates(), ids=names(templates()))
def test_template_keeps_the_policy(path: Path) -> None:
    assert judged(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        '<p style="color: red">x</p>',
        '<button onclick="go()">x</button>',
        "<script>go()</script>",
        '<a href="javascript:go()">x</a>',
        '<img src="{{ url }}">',
        '<link rel="stylesheet" href="https://cdn.example.com/a.css">',
        "<p {% if late %}style='color: red'{% endif %}>x</p>",
        '<input hx-get="/x" hx-trigger="keyup[key==1]">',
    ],
)
def test_template_check_refuses(source: str) -> None:
    assert judged(source)


def symbols() -> list[tuple[str, str]]:
    """Return (name, view box) of each icon in the sprite."""
    sprite = (STATIC / "icons.svg").read_text(encoding="utf-8")
    return re.findall(r'<symbol id="([\w-]+)" viewBox="([^"]+)">', sprite)


def test_icons_are_enough_and_alike() -> None:
    sprite = (STATIC / "icons.svg").read_text(encoding="utf-8")
    assert len(symbols()) == sprite.count("<symbol ") >= 45
    assert len({name for name, _ in symbols()}) == len(symbols())
    assert {box for _, box in symbols()} == {"0 0 20 20"}


def used_icons() -> Iterator[tuple[str, str]]:
    """Yield (template, icon) for each icon that a template names literally."""
    for path in templates():
        for name in re.findall(r"\bicon\('([\w-]+)'", path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), name


def test_named_icons_exist() -> None:
    known = {name for name, _ in symbols()}
    assert [use for use in used_icons() if use[1] not in known] == []


def tokens(selector: str) -> dict[str, str]:
    """Return the custom properties of the first block with this selector in tokens.css."""
    text = without_comments((STATIC / "css" / "tokens.css").read_text(encoding="utf-8"))
    start = text.index("{", text.index(selector))
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", text[start : text.index("}", start)]))


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb, by WCAG 2.2."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, by WCAG 2.2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_and_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tokens_contrast(theme: str) -> None:
    values = tokens(":root {")
    if theme == "dark":
        values = {**values, **tokens(':root[data-theme="dark"]')}
    low = [
        f"{front} on {back}: {ratio:.2f} < {needed}"
        for front, backs, needed in PAIRS
        for back in backs
        if (ratio := contrast(values[front], values[back])) < needed
    ]
    assert low == []


def test_dark_values_are_the_same_by_choice_and_by_system() -> None:
    chosen = tokens(':root[data-theme="dark"]')
    assert chosen
    assert chosen == tokens(':root[data-theme="auto"]')


def test_dark_theme_redefines_every_colour() -> None:
    light = {name for name, value in tokens(":root {").items() if value.startswith("#")}
    assert light <= set(tokens(':root[data-theme="dark"]'))


def test_colours_come_from_tokens_alone() -> None:
    text = without_comments((STATIC / "css" / "app.css").read_text(encoding="utf-8"))
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", text) == []


def test_used_tokens_are_defined() -> None:
    defined = set(tokens(":root {"))
    for name in ("app.css", "print.css"):
        text = without_comments((STATIC / "css" / name).read_text(encoding="utf-8"))
        local = set(re.findall(r"(?<![\w(-])--([\w-]+)\s*:", text))
        used = set(re.findall(r"var\(--([\w-]+)", text))
        assert used - defined - local == set(), name


def vendor() -> ModuleType:
    """Return tools/vendor.py as a module."""
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "tools" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_vendored_files_match_the_lock() -> None:
    module = vendor()
    assert list(module.problems(module.read_lock())) == []


def test_vendor_check_sees_a_changed_file(tmp_path: Path) -> None:
    module = vendor()
    package = module.read_lock()[0]
    for entry in package.files:
        target = tmp_path / entry.target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / entry.target).read_bytes())
    assert list(module.problems((package,), tmp_path)) == []
    first = tmp_path / package.files[0].target
    first.write_bytes(first.read_bytes() + b" ")
    (first.parent / "stray.js").write_text("1", encoding="utf-8")
    told = list(module.problems((package,), tmp_path))
    assert len(told) == 2
    assert any("differs" in line for line in told)
    assert any("not in the lock" in line for line in told)


def test_vendor_lock_names_no_registry() -> None:
    assert "://" not in (ROOT / "tools" / "vendor.lock.json").read_text(encoding="utf-8")


def test_first_visit_stays_small() -> None:
    """What base.html loads, compressed, is under 180 kB: a first visit on an old line."""
    base = (ROOT / "templates" / "base.html").read_text(encoding="utf-8")
    assets = set(re.findall(r"asset\('([^']+)'\)", base)) | {"icons.svg"}
    size = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in assets)
    assert len(assets) >= 8
    assert size < 180_000
