#!lua flags=allow-oom
-- Checks runs: that their counts are those of their targets, and that they stand where their state says. KEYS[1] is the
-- installation's root.
-- @include fsck, run
--
-- ARGV  3… ids, at most 100
-- Cost  O(targets of the runs), some nanoseconds each

for i = 3, #ARGV do
  local id = ARGV[i]
  local run = key('run', id)
  local facts = read(run, 'st', 'total')
  if not facts.st then
    found(id, 'run-is-there', key('runs'), 'it lists a run that is not there', function()
      call('ZREM', key('runs'), id)
      call('SREM', key('runs-active'), id)
    end)
  else
    local codes = call('GET', key('run-codes', id)) or ''
    if #codes ~= tonumber(facts.total) then
      found(id, 'run-has-targets', key('run-codes', id), #codes .. ' letters for ' .. facts.total .. ' targets')
    end
    local counts = {}
    for code in string.gmatch(codes, '.') do
      if code == 'j' then code = 's' end
      counts[code] = (counts[code] or 0) + 1
    end
    for code in string.gmatch('psSFCEIUR', '.') do
      local kept, true_count = tonumber(call('HGET', run, 'c:' .. code) or 0), counts[code] or 0
      if kept ~= true_count then
        found(id, 'run-counts', run, 'c:' .. code .. ' says ' .. kept .. ', and there are ' .. true_count, function()
          call('HSET', run, 'c:' .. code, ms(true_count))
          turn(id)
        end)
      end
    end
    local active = in_set(key('runs-active'), id)
    if active == (FINAL_RUN[facts.st] == true) then
      found(id, 'run-is-active', key('runs-active'), 'a run that is ' .. facts.st, function()
        call(active and 'SREM' or 'SADD', key('runs-active'), id)
      end)
    end
    if not score_of(key('runs'), id) then
      found(id, 'run-is-listed', key('runs'), 'the run is not in it', function() call('ZADD', key('runs'), '0', id) end)
    end
  end
end
return findings
