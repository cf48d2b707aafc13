#!lua flags=allow-oom
-- Keeps the first host key seen at an address. KEYS[1] is the installation's root.
--
-- ARGV  2 "<zone> <address>:<port>" · 3 the keys as a JSON array, kept when none are known yet
-- Gives the keys known now, as a JSON array
-- Cost  O(1)

call('HSETNX', key('hostkeys'), ARGV[2], ARGV[3])
return call('HGET', key('hostkeys'), ARGV[2])
