update items set name = 'never' where id = 1;
