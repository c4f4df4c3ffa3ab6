"""What can go wrong with a simulated iPhone, and named scenarios of it."""
