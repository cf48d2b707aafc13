#!lua flags=allow-oom
-- Checks that each worker is listed as what it is.
-- @include fsck
--
-- ARGV  3… workers, at most 100
-- Cost  O(workers)

local function check(name)
  local where = key('worker', name)
  local worker = read(where, 'st', 'closing', 'dead')
  local function listed(set, should)
    if in_set(key(set), name) ~= should then
      found(name, 'worker-is-listed', key(set), name .. (should and ' is not in it' or ' is in it'), function()
        call(should and 'SADD' or 'SREM', key(set), name)
      end)
    end
  end
  local lives = (worker.st and worker.st ~= 'dead') or false
  listed('workers', worker.st and true or false)
  listed('alive', lives)
  if not lives or worker.closing == '1' then listed('idle', false) end
  if not lives then listed('witnesses', false) end
  for _, skill in ipairs(call('SMEMBERS', key('skills', name))) do
    if lives and not in_set(key('skilled', skill), name) then
      found(name, 'skill-is-known', key('skilled', skill), name .. ' is not in it', function()
        call('SADD', key('skilled', skill), name)
      end)
    end
  end
  local grave = score_of(key('graves'), name)
  if (grave and true or false) ~= (worker.st == 'dead') then
    found(name, 'dead-has-grave', key('graves'), name .. (grave and ' is in it' or ' is not in it'), function()
      if grave then call('ZREM', key('graves'), name) else call('ZADD', key('graves'), worker.dead or now, name) end
    end)
  end
end

for i = 3, #ARGV do check(ARGV[i]) end
return findings
