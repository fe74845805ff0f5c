SELECT id, amount FROM fresh; SELECT id FROM more;
