"""Outside models behind seams of one method; each kind of them is a room below this one."""
