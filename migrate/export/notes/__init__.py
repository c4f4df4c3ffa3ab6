"""Notes as pages, Markdown and plain text. `migrate browse` shows the same markup."""
