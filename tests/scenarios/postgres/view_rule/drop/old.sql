SELECT id FROM shown;
