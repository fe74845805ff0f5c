SELECT amount FROM fresh;
