"""A table made anew with its items: another key, another local index, another name.

The service changes none of these, so a new table takes the old one's place: it is made beside the old one, the old
one's stream is turned on, all items are copied (`copying`), then every change that the stream has kept since is
brought over in order (`shards`, `following`) until nothing is left, both tables are compared (`comparing`), the logical
name is given to the new table (`switching`), and the old one goes. `steps` says what of that a plan holds, `records`
what the state table remembers.

Why nothing is lost and nothing comes back: the stream is on before the first item is read, and it is read only after
the last item was copied. What a copy found is at least as new as the stream's beginning, and every later change of an
item is in the stream, in order. So the last record of an item decides, and an item without a record is as it was
copied. There is no moment in which a copy could overwrite a newer change, or bring back what was deleted, and no need
for tombstones or versions in the items. The price: the copy has to end within the 24 hours that a stream keeps.
"""
