update items set name = 'trois', updated_at = '2001-01-01' where id = 3;
commit;
