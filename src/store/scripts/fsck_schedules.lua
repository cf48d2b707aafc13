#!lua flags=allow-oom
-- Checks schedules: that each stands where its state says, and that what waits for the end of a run has one to wait for.
-- KEYS[1] is the installation's root.
-- @include fsck, schedule
--
-- ARGV  3… names, at most 100
-- Cost  O(names + runs under way · log n)

for i = 3, #ARGV do
  local name = ARGV[i]
  local schedule, live = key('schedule', name), key('schedule-live', name)
  local facts = read(schedule, 'uid', 'next', 'paused', 'n', 'queued')
  if not facts.uid then
    if call('EXISTS', schedule, live, key('schedule-behind', name), key('schedule-history', name)) > 0
      or score_of(key('schedules'), name) or score_of(key('schedules-due'), name) then
      found(name, 'schedule-is-there', schedule, 'what belongs to it is there, and it is not', function()
        call('UNLINK', schedule, live, key('schedule-behind', name), key('schedule-history', name))
        call('ZREM', key('schedules'), name)
        call('ZREM', key('schedules-due'), name)
      end)
    end
  else
    if not score_of(key('schedules'), name) then
      found(name, 'schedule-is-listed', key('schedules'), 'the schedule is not in it', function()
        call('ZADD', key('schedules'), 0, name)
      end)
    end
    local comes = not facts.paused and facts.next and facts.next ~= ''
    local due = score_of(key('schedules-due'), name)
    if comes and not due then
      -- Looked at too early where there is jitter: whoever looks puts it off as it should be.
      found(name, 'schedule-is-due', key('schedules-due'), 'it comes at ' .. facts.next .. ' and is not in it', function()
        call('ZADD', key('schedules-due'), facts.next, name)
      end)
    elseif due and not comes then
      found(name, 'schedule-is-due', key('schedules-due'), 'it does not come and is in it', function()
        call('ZREM', key('schedules-due'), name)
      end)
    end
    local entries = call('LLEN', key('schedule-history', name))
    if tonumber(facts.n or 0) < entries then
      found(name, 'history-is-counted', schedule, 'n says ' .. (facts.n or 0) .. ', and there are ' .. entries, function()
        call('HSET', schedule, 'n', entries)
      end)
    end
    local runs = call('HKEYS', live)
    for _, run in ipairs(runs) do
      if not score_of(key('schedules-live'), run .. ' ' .. name) then
        found(name, 'run-is-looked-at', key('schedules-live'), 'run ' .. run .. ' is under way and not in it', function()
          call('ZADD', key('schedules-live'), now_text, run .. ' ' .. name)
        end)
      end
    end
    if #runs == 0 and (facts.queued or call('EXISTS', key('schedule-behind', name)) == 1) then
      found(name, 'waiting-time-has-a-run', schedule, 'a time waits for the end of a run, and none is under way', function()
        go_on(name, '', '')
      end)
    end
  end
end
return findings
