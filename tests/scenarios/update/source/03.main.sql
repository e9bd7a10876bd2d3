update items set name = 'deux' where id = 2;
commit;
