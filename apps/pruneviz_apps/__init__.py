"""What people use: the command line and the explorer. Thin; everything else is in the library."""
