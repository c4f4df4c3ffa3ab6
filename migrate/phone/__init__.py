"""The host's side of one connected iPhone, based on pymobiledevice3: find, trust, facts, back up, restore."""
