#!lua flags=allow-oom
-- Marks a job as deleted, or takes the mark away. It stays readable until retention purges it.
--
-- ARGV  2 job · 3 '1' to mark
-- Gives NONE · NOT_FINAL · UNRESOLVED · OK
-- Cost  O(1)

local job = key('job', ARGV[2])
local facts = call('HMGET', job, 'st', 'rsl', 'del')
if not facts[1] then return 'NONE' end
if not FINAL[facts[1]] then return 'NOT_FINAL' end
if facts[1] == 'INDETERMINATE' and not facts[2] then return 'UNRESOLVED' end
if ARGV[3] == '1' then
  call('HSETNX', job, 'del', now_text)
else
  call('HDEL', job, 'del')
end
return 'OK'
