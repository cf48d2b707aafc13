#!lua flags=allow-oom
-- Takes a run for a server for some seconds. That saves work done twice; what keeps it right is its revision. KEYS[1] is
-- the installation's root.
--
-- ARGV  2 id · 3 server · 4 milliseconds
-- Gives {} (another has it, or it is gone) · {now, its fields and values in turn}
-- Cost  O(1)

local driver = key('run-driver', ARGV[2])
local other = call('GET', driver)
if other and other ~= ARGV[3] then return {} end
local fields = call('HGETALL', key('run', ARGV[2]))
if #fields == 0 then
  call('SREM', key('runs-active'), ARGV[2])
  return {}
end
call('SET', driver, ARGV[3], 'PX', ARGV[4])
return { now_text, fields }
