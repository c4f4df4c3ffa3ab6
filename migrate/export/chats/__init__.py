"""Chats as files: what messages and WhatsApp share. Pages per year, text, JSON lines, CSV, mailboxes, PDF."""
