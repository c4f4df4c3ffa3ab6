"""The receipt as one self-contained page: `content.py` prepares it, `page.py` writes it as HTML."""

from migrate.talk.receipt_page.page import receipt_html

__all__ = ["receipt_html"]
