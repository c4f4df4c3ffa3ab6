"""The style that all pages share: light, dark, narrow and printed. Pages add what only they have.

Every text has a contrast of at least 4.5 to its background in both schemes; tests/talk/test_receipt_page.py computes it
from this text.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#ffffff", "card": "#f3f5f8", "text": "#1b1e22", "muted": "#525861", "line": "#c9cfd6",
    "good": "#0b6533", "open": "#7a4b00", "bad": "#a8111c",
    "proven": "#1d8048", "there": "#3f74b8", "arriving": "#b06f00", "changed": "#7b57b2", "wrong": "#c4222d",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "page": "#14171a", "card": "#20252b", "text": "#e9ecef", "muted": "#adb5be", "line": "#434b54",
    "good": "#78d79b", "open": "#f2bd63", "bad": "#ff9a96",
    "proven": "#4fb87a", "there": "#6fa3e3", "arriving": "#e0a03a", "changed": "#ac8fe0", "wrong": "#f0706c",
}  # fmt: skip


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


STYLE = (
    f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
"""
    + """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;
 overflow-wrap:anywhere}
main{max-width:54rem;margin:0 auto;padding:1.5rem 1rem 3rem}
.title{color:var(--muted);margin:0 0 .25rem}
h2{font-size:1.25rem;line-height:1.3;margin:2.25rem 0 .75rem}
h3{font-size:1rem;margin:1.25rem 0 .5rem}
p,ul,ol,dl{margin:.5rem 0}
ul,ol{padding-left:1.4rem}
li{margin:.3rem 0}
h1{font-size:1.6rem;line-height:1.3;font-weight:700;margin:0 0 1rem}
.good{color:var(--good)}.open{color:var(--open)}.bad{color:var(--bad)}
.card{background:var(--card);border-radius:.3rem;padding:.75rem 1.1rem;margin:.75rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}
dt{color:var(--muted)}dd{margin:0}
.muted,small{color:var(--muted)}
small{display:block;font-size:.875rem;font-weight:400}
code{font:.95em ui-monospace,Menlo,Consolas,monospace}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.45rem .5rem;text-align:right;vertical-align:top;border-bottom:1px solid var(--line)}
th:first-child{text-align:left;padding-left:0;font-weight:600}
thead th{color:var(--muted);font-size:.875rem;font-weight:400;vertical-align:bottom;max-width:6rem}
td,thead th{overflow-wrap:normal}
td:last-child,thead th:last-child{padding-right:0;white-space:nowrap}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;font-size:.875rem}
.legend li{margin:0}.legend svg{width:.8em;height:.8em;margin-right:.35em}
.plot{display:block;width:100%}.plot text{fill:var(--text);font-size:.875rem}.plot rect{fill:var(--there)}
details{border-top:1px solid var(--line);padding:.75rem 0}
summary{cursor:pointer;font-weight:600}
footer{margin-top:2.5rem;color:var(--muted);font-size:.875rem}
@media screen and (max-width:40rem){
 dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}
 h1{font-size:1.3rem}
 table,tbody,tr,th,td{display:block;text-align:left;border:0;padding:0}
 thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
 tbody tr{border-bottom:1px solid var(--line);padding:.6rem 0}
 td{display:inline-block;margin:.25rem 1rem 0 0;font-size:.875rem}
 td::before{content:attr(data-label) " ";color:var(--muted)}
 td:empty{display:none}
}
@media print{
 body{font-size:10.5pt}main{max-width:none;padding:0}
 .card{border:1px solid var(--line);background:none}
 tr,li,.card,.plot{break-inside:avoid}h2,h3{break-after:avoid}
 .plot rect,.legend rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}
 details::details-content{content-visibility:visible;height:auto}
}
"""
)
