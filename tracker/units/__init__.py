"""Units in time: the tree, its operations, old names and successors."""
