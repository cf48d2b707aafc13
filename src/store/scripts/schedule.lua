-- What the scripts of schedules share. KEYS[1] is the installation's root.
--
-- schedule:<name>          hash: uid version created updated creator body run anchor next paused queued request, counts
-- schedules                zset of names
-- schedules-due            zset of names by when their next time is fired
-- schedule-history:<name>  list of entries, the latest last; `n` of the schedule counts them
-- schedule-behind:<name>   list of "<time> <run>": missed times that are made up for one after another, the oldest first
-- schedule-live:<name>     hash of runs under way: the numbers of their entries
-- schedules-live           zset of "<run> <name>" by when it is looked at next
-- firings, firing:<run>    zset and hashes of runs that are to be created, by when that is tried next

local HISTORY_KEPT = 1000

-- Adds an entry to a schedule's history and gives its number. `body` is the inside of a JSON object.
local function add_entry(name, body)
  local number = call('HINCRBY', key('schedule', name), 'n', 1)
  call('RPUSH', key('schedule-history', name), '{"n":' .. number .. ',"at":' .. now_text .. ',' .. body .. '}')
  call('LTRIM', key('schedule-history', name), -HISTORY_KEPT, -1)
  return number
end

-- Adds facts to an entry that is still kept; of a fact said twice the later one holds.
local function amend_entry(name, number, body)
  local behind = tonumber(call('HGET', key('schedule', name), 'n')) - tonumber(number)
  local entry = call('LINDEX', key('schedule-history', name), -behind - 1)
  if entry then call('LSET', key('schedule-history', name), -behind - 1, string.sub(entry, 1, -2) .. ',' .. body .. '}') end
end

-- Notes a run that is to be created, as one that is under way. `cancels`: runs that are cancelled first.
local function fire(name, time, run, cause, caller, cancels)
  local facts = call('HMGET', key('schedule', name), 'uid', 'creator', 'run')
  local body = '"t":' .. time .. ',"o":"FIRED","c":"' .. cause .. '","run":"' .. run .. '"'
  if caller ~= '' then body = body .. ',"by":' .. caller end
  local number = add_entry(name, body)
  call('HINCRBY', key('schedule', name), 'fired', 1)
  call('HSET', key('schedule-live', name), run, number)
  call('ZADD', key('schedules-live'), now_text, run .. ' ' .. name)
  call('HSET', key('firing', run), 'name', name, 'uid', facts[1], 'time', time, 'creator', facts[2], 'run', facts[3],
    'cancels', cancels)
  call('ZADD', key('firings'), now_text, run)
end

-- Sets when a schedule comes next; '' for never (or not yet).
local function set_next(name, next, due)
  call('HSET', key('schedule', name), 'next', next)
  if due ~= '' and not call('HGET', key('schedule', name), 'paused') then
    call('ZADD', key('schedules-due'), due, name)
  else
    call('ZREM', key('schedules-due'), name)
  end
end

-- Passes over times that waited for the end of what was under way.
local function drop_waiting(name)
  local behind, schedule = key('schedule-behind', name), key('schedule', name)
  local count = call('LLEN', behind)
  if count > 0 then
    local first, last = call('LINDEX', behind, 0), call('LINDEX', behind, -1)
    call('DEL', behind)
    call('HINCRBY', schedule, 'skipped', count)
    add_entry(name, '"t":' .. string.match(first, '^%S+') .. ',"last":' .. string.match(last, '^%S+') .. ',"count":' .. count
      .. ',"o":"SKIPPED_PAUSED","c":"TIME"')
  end
  local time = call('HGET', schedule, 'queued')
  if not time then return end
  call('HDEL', schedule, 'queued', 'queuedRun')
  call('HINCRBY', schedule, 'skipped', 1)
  add_entry(name, '"t":' .. time .. ',"o":"SKIPPED_PAUSED","c":"TIME"')
end

-- Nothing is under way any more: fires what waits for that, the oldest first, or lets a fixed delay go on with its next time.
local function go_on(name, next, due)
  local schedule = key('schedule', name)
  if call('HLEN', key('schedule-live', name)) > 0 then return end
  local behind = call('LPOP', key('schedule-behind', name))
  if behind then
    local time, run = string.match(behind, '^(%S+) (%S+)$')
    fire(name, time, run, 'TIME', '', '')
    return
  end
  local queued = call('HMGET', schedule, 'queued', 'queuedRun')
  if queued[1] then
    call('HDEL', schedule, 'queued', 'queuedRun')
    fire(name, queued[1], queued[2], 'TIME', '', '')
  elseif next ~= '' and call('HGET', schedule, 'next') == '' then
    set_next(name, next, due)
  end
end

-- Pauses a schedule. `why` is a JSON object.
local function pause(name, why)
  call('HSET', key('schedule', name), 'paused', why)
  call('HINCRBY', key('schedule', name), 'version', 1)
  call('ZREM', key('schedules-due'), name)
  drop_waiting(name)
end

-- Counts a run that did not succeed, or starts to count anew; pauses after `most` in a row.
local function count_end(name, succeeded, most)
  local schedule = key('schedule', name)
  if succeeded then
    call('HSET', schedule, 'failures', 0)
    return
  end
  local failures = call('HINCRBY', schedule, 'failures', 1)
  if tonumber(most) == 0 or failures < tonumber(most) or call('HGET', schedule, 'paused') then return end
  pause(name, '{"caller":"","note":"' .. failures .. ' runs in a row did not succeed","timeMs":' .. now_text .. '}')
end
