"""What every long-running command shares: the folder of a run and what it leaves there. The only room that
knows about files, time and processes."""
