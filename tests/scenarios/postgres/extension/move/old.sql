SELECT similarity('a', 'b');
