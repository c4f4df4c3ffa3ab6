"""The backup agent of the simulated iPhone (com.apple.mobilebackup2)."""
