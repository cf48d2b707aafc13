#!lua flags=allow-oom
-- Sets how many bytes of output there are, if that is still what was compared.
-- @include fsck
--
-- ARGV  3 the number that stood there · 4 the sum
-- Cost  O(1)

local where = key('outbytes')
if (call('GET', where) or '0') == ARGV[3] then
  found('outbytes', 'output-sum', where, 'it says ' .. ARGV[3] .. ', and the outputs have ' .. ARGV[4], function()
    call('SET', where, ARGV[4])
  end)
end
return findings
