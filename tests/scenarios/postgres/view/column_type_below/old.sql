SELECT amount FROM more;
