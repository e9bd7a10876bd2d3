update items set id = 30 where id = 3;
commit;
