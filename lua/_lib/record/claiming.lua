-- `claiming`: ids of a deduper that a call of record/effects.lua claims. `window` and `most`: see guard/seeing.lua.
-- @include guard/seeing
local claiming = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }

function claiming.open(group, keys, from, _, fields, at)
  group.of = seeing.open(keys[from], fields[at], fields[at + 1])
end

function claiming.commands()
  return { 'ZADD', 'ZREM', 'ZRANGE', 'ZCARD', 'ZCOUNT', 'PEXPIRE' }
end

function claiming.prepare(group, texts, from)
  for nth = 1, group.n do
    local new = seeing.prepare(group.of, texts[from + nth - 1])
    if new == false then
      return nil, nth .. ' known'
    elseif new ~= true then
      return nil, new
    end
  end
  return true
end

function claiming.apply(group, _, texts, from)
  for nth = 1, group.n do
    seeing.apply(group.of, texts[from + nth - 1])
  end
  seeing.trim(group.of)
  return string.rep('\n', group.n - 1)
end
