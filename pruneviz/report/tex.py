"""Texts as TeX: any name from anywhere is shown, and never obeyed."""

from __future__ import annotations

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # else the argument of what stands before it
    "]": "{]}",
    "*": "{*}",
}
_SIGNS = {
    "\u00a0": "~",
    "\u2212": r"$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "→": r"$\rightarrow$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "★": r"$\star$",
    "●": r"$\bullet$",
    "◆": r"$\diamond$",
    "✓": r"$\surd$",
    "✗": r"$\times$",
    "✕": r"$\times$",
    "▲": r"$\triangle$",
    "▼": r"$\nabla$",
    "…": r"\dots{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "°": r"$^{\circ}$",
    "²": r"$^{2}$",
    "³": r"$^{3}$",
    "⁺": r"$^{+}$",
    "µ": r"$\mu$",
    "σ": r"$\sigma$",
    "Σ": r"$\Sigma$",
    "Δ": r"$\Delta$",
    "τ": r"$\tau$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "ε": r"$\varepsilon$",
    "λ": r"$\lambda$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u2060": "",
    "\u200b": "",
}


def tex(text: str) -> str:
    r"""A text as TeX that shows just it, with any engine: nothing in it is a command, a comment or mathematics.

    Characters beyond Latin ones and the signs that this package uses are shown by ``\pvchar``, which a document has to
    define: as themselves where the engine has Unicode fonts, else as their number.
    """
    return "".join(_letter(c) for c in text).replace("--", "{-}{-}").replace(",,", ",{},")


def _letter(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c in _SIGNS:
        return _SIGNS[c]
    if " " <= c <= "~" or c in "\n" or ("\u00c0" <= c <= "\u017f" and c not in "ĿŀŉĸŦŧſÐðÞþĦħ"):
        return c
    return f"\\pvchar{{{ord(c):X}}}"
