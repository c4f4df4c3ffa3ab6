"""One connected iPhone, the host's side: find, trust, facts, save, restore. Speaks through pymobiledevice3."""
