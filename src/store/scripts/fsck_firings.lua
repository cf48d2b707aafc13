#!lua flags=allow-oom
-- Checks runs of schedules that are to be created, or are looked at: that lists and notes are of each other. KEYS[1] is the
-- installation's root.
-- @include fsck
--
-- ARGV  3 what the members are of: 'firing' (runs with a note), 'firings' or 'schedules-live' · 4… members, at most 100
-- Cost  O(members · log n)

local kind = ARGV[3]
for i = 4, #ARGV do
  local member = ARGV[i]
  if kind == 'firing' then
    if call('EXISTS', key('firing', member)) == 1 and not score_of(key('firings'), member) then
      found(member, 'firing-is-due', key('firings'), 'the run is to be created and is not in it', function()
        call('ZADD', key('firings'), now_text, member)
      end)
    end
  elseif kind == 'firings' then
    if score_of(key('firings'), member) and call('EXISTS', key('firing', member)) == 0 then
      found(member, 'firing-has-its-note', key('firings'), 'run ' .. member .. ' stands in it without a note', function()
        call('ZREM', key('firings'), member)
      end)
    end
  else
    local run, name = string.match(member, '^(%S+) (.*)$')
    if score_of(key('schedules-live'), member) and not (run and call('HEXISTS', key('schedule-live', name), run) == 1) then
      found(member, 'live-run-is-known', key('schedules-live'), member .. ' is looked at, and its schedule does not know it',
        function() call('ZREM', key('schedules-live'), member) end)
    end
  end
end
return findings
