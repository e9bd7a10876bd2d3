truncate items;
commit;
