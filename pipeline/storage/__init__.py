"""Where a workspace lives: folders and object stores behind one interface, and the tables in them."""
