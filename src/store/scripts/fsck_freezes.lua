#!lua flags=allow-oom
-- Checks what policies say of this zone: that it can be read, and that no devices stand aside for a policy that holds for all
-- or that is gone. The servers write it anew from the policies when they meet another version of them, which is how it is
-- mended; until then what cannot be read closes everything.
-- @include fsck
--
-- ARGV  3… names of policies, at most 100
-- Cost  O(names)

local freezes = key('freezes')

local function write_anew()
  call('HSET', freezes, '#version', '0')
end

local function is_readable(text)
  local who, times = string.match(text, '^(%a+)(.*)$')
  if who ~= 'all' and who ~= 'some' then return false end
  for span in string.gmatch(times, '%S+') do
    if not string.find(span, '^%d+%-%d*$') then return false end
  end
  return true
end

for i = 3, #ARGV do
  local name = ARGV[i]
  local text = call('HGET', freezes, name)
  if text and not is_readable(text) then
    found(name, 'freeze-is-readable', freezes, name .. ' does not say whom it holds for and when', function()
      call('HSET', freezes, name, 'all 0-')
      write_anew()
    end)
  elseif not (text and string.find(text, '^some')) and call('EXISTS', key('frozen', name)) == 1 then
    found(name, 'frozen-has-its-policy', key('frozen', name), name .. ' holds for no device of its own here', function()
      call('UNLINK', key('frozen', name))
      write_anew()
    end)
  end
end
return findings
