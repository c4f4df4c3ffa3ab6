"""Faults of a simulated iPhone, and named scenarios made of them."""
