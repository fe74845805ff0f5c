// One statement a line. What a server without a name for it makes up is imported too.
CREATE CONSTRAINT book_isbn FOR (b:Book) REQUIRE b.isbn IS UNIQUE;
CREATE CONSTRAINT FOR (r:Reader) REQUIRE (r.branch, r.card) IS UNIQUE;
CREATE CONSTRAINT loan_id FOR ()-[l:BORROWED]-() REQUIRE l.id IS UNIQUE;
CREATE INDEX book_year FOR (b:Book) ON (b.year, b.language);
CREATE INDEX FOR ()-[l:BORROWED]-() ON (l.due);
CREATE TEXT INDEX `reader name` FOR (r:Reader) ON (r.name);
CREATE POINT INDEX branch_place FOR (b:Branch) ON (b.place);
CREATE FULLTEXT INDEX words FOR (n:Book|Author) ON EACH [n.title, n.about];
CREATE VECTOR INDEX likeness FOR (b:Book) ON (b.embedding) OPTIONS {indexConfig: {`vector.dimensions`: 16, `vector.similarity_function`: 'euclidean'}};
