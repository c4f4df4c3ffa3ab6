"""Notes: the store of iOS 9 and later, and the older one."""
