--- Delete those entries of a work queue that every group has finished, after a group was dropped that had not.
--
-- Invariant: only what every declared and every other group of the stream was given and finished goes. Looks at 16
-- entries or some 256 KiB a call; a process that dies leaves the rest for the next sweep.
-- @batch 1
-- @full runs         it deletes entries
-- @include earlier
-- @include stream/groups
-- @include ids
-- @include stream/acknowledge
-- @include typed
-- @shared declared groups of the work queue separated by spaces
-- @item key stream stream
-- @item arg first  id to begin with, ( before it for the one after; - at first
-- @returns string|null where to go on; null when nothing further can be finished

local STEP = 16

local function item(stream, first)
  local wrong = typed(stream, 'stream')
  if wrong then
    return wrong
  end
  local found, all = ids(stream, first, '+', STEP)
  if not found[1] then
    return nil
  end
  local missing = {}
  for name in string.gmatch(declared, '%S+') do
    missing[name] = true
  end
  for _, group in ipairs(groups(stream)) do
    missing[group.name] = nil
    if earlier(group['last-delivered-id'], found[1]) then
      return nil
    end
  end
  if next(missing) then
    return nil
  end
  acknowledge(stream, '', declared, found)
  return not all and '(' .. found[#found] or nil
end
