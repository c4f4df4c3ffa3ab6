"""The usbmuxd that simulated iPhones are attached to."""
