SELECT id FROM fresh; SELECT id FROM more;
