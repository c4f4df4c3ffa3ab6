"""What the receipt adds to the style of all pages: the verdict, the bars, the boxes to tick."""

from __future__ import annotations

RECEIPT_STYLE = """
h1{padding:1rem 1.1rem;background:var(--card);border-left:.4rem solid;border-radius:.3rem}
tr.files th{padding-left:1.2rem;font-weight:400}
.bar{display:block;width:100%;height:.5rem;margin-top:.35rem}
.proven{fill:var(--proven)}.there{fill:var(--there)}.arriving{fill:var(--arriving)}
.changed_since{fill:var(--changed)}.wrong{fill:var(--wrong)}
.tick{list-style:none;padding:0}
.tick label{display:grid;grid-template-columns:1.6rem 1fr;cursor:pointer;padding:.35rem 0}
.tick input{width:1.15rem;height:1.15rem;margin:.2rem 0 0}
@media screen and (max-width:40rem){tr.files{padding-left:1rem}tr.files th{padding-left:0}}
@media print{
 h1{border:1px solid var(--line);border-left:.4rem solid;background:none}
 .bar rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""
