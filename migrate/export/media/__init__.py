"""Pictures, sound and video from strangers, decoded in a process that may crash, hang or be killed."""
