package main

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"fmt"
	"slices"
	"strings"
)

// checkFormat fails unless the platform can start the program in the file. It checks the format, the CPU, and that the
// program needs only the system's libraries. It cannot replace running the program on such a machine.
func checkFormat(p platform, file string) error {
	check := map[string]func(cpu, file string) (string, error){"windows": checkWindows, "darwin": checkMac, "linux": checkLinux}
	wrong, err := check[p.os](p.cpu, file)
	if err != nil {
		return err
	}
	if wrong != "" {
		return fmt.Errorf("%s is not a program for %s/%s: %s", file, p.os, p.cpu, wrong)
	}
	return nil
}

// checkWindows says what is wrong with a program for Windows.
func checkWindows(cpu, file string) (string, error) {
	f, err := pe.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return "", err
	}
	foreign := slices.ContainsFunc(symbols, func(name string) bool { return !strings.HasSuffix(name, ":kernel32.dll") })
	header, wide := f.OptionalHeader.(*pe.OptionalHeader64)
	want := map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm64": pe.IMAGE_FILE_MACHINE_ARM64}[cpu]
	switch {
	case f.Machine != want || !wide:
		return "another CPU", nil
	case f.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0 || header.AddressOfEntryPoint == 0:
		return "not executable", nil
	case header.Subsystem != pe.IMAGE_SUBSYSTEM_WINDOWS_CUI:
		return "not for the console", nil
	case foreign:
		return "it needs other libraries than kernel32.dll", nil
	}
	return "", nil
}

// Commands in a Mach-O file for which debug/macho has no names.
const (
	loadMain      = 0x80000028
	loadSignature = 0x1d
)

// checkMac says what is wrong with a program for macOS.
func checkMac(cpu, file string) (string, error) {
	f, err := macho.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return "", err
	}
	foreign := slices.ContainsFunc(libraries, func(name string) bool {
		return !strings.HasPrefix(name, "/usr/lib/") && !strings.HasPrefix(name, "/System/Library/Frameworks/")
	})
	var entry, signed bool
	for _, l := range f.Loads {
		command := f.ByteOrder.Uint32(l.Raw())
		entry = entry || command == loadMain || command == uint32(macho.LoadCmdUnixThread)
		signed = signed || command == loadSignature
	}
	want := map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64}[cpu]
	switch {
	case f.Cpu != want:
		return "another CPU", nil
	case f.Type != macho.TypeExec || !entry:
		return "not executable", nil
	case cpu == "arm64" && !signed:
		return "not signed, and macOS on arm64 starts no program without a signature", nil
	case foreign:
		return "it needs libraries that are not part of the system", nil
	}
	return "", nil
}

// checkLinux says what is wrong with a program for Linux.
func checkLinux(cpu, file string) (string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return "", err
	}
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[cpu]
	switch {
	case f.Machine != want:
		return "another CPU", nil
	case f.Type != elf.ET_EXEC || f.Entry == 0:
		return "not executable", nil
	case len(libraries) > 0:
		return "it needs shared libraries", nil
	}
	return "", nil
}
