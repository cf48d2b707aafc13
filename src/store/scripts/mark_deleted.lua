#!lua flags=allow-oom
-- Marks a job as deleted, or takes the mark away. It stays readable until retention purges it. Followers are told: lists
-- that they follow lose it, or have it again.
--
-- ARGV  2 job · 3 '1' to mark
-- Gives NONE · NOT_FINAL · UNRESOLVED · OK
-- Cost  O(log n)

local job = key('job', ARGV[2])
local facts = call('HMGET', job, 'st', 'rsl', 'n')
if not facts[1] then return 'NONE' end
if not FINAL[facts[1]] then return 'NOT_FINAL' end
if facts[1] == 'INDETERMINATE' and not facts[2] then return 'UNRESOLVED' end
local marked = key('ix:deleted', facts[1])
local changed
if ARGV[3] == '1' then
  changed = call('HSETNX', job, 'del', now_text)
  call('ZADD', marked, '0', ARGV[2])
else
  changed = call('HDEL', job, 'del')
  call('ZREM', marked, ARGV[2])
end
if changed == 1 then announce(ARGV[2], facts[3]) end
return 'OK'
