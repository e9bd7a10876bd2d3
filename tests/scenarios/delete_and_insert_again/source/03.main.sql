delete from items where id = 1;
commit;
